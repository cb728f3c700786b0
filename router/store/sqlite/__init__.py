"""The embedded store. Import what you need from its modules; the writer's child process imports few.

store.py     SqliteStore: the Store of one data folder, composed of the parts below
parts.py     what runs between the start and the end of a store
faces/       what can be asked of it, one file for each part of the interface
folder.py    the data folder and who has it (one server at a time)
database.py  connections, migrations, ownership
ledger.py    one batch of requests = one transaction: everything that writes
projection.py  what follows from an entry that is no message, as rows
directory.py, credentials.py, logins.py, key_packages.py, welcomes.py, groups.py, moderation.py, contacts.py,
preferences.py
             the ledger's pages, and reads of their own tables
reader.py    everything else that reads
trouble.py   which errors are the disk's, and which end the process
requests.py, mls_requests.py  what crosses to the ledger and back
writer.py    group commit: the queue, batches, trouble and recovery
engines.py   where the ledger runs: inline or in a process of its own
child.py     the writer's process
checkpoint.py  moves the write-ahead log into the database, off the path of commits
"""
