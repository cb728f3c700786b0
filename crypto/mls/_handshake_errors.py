"""Why a proposal or commit is refused, as a closed set.

================  =====================================================================================
fault             meaning
================  =====================================================================================
group             for another group
epoch             of another epoch than the group's
content           not a proposal where one was wanted, or not a commit
sender            a blank leaf, an unknown external sender, or one who may not send this
signature         not the sender's, over this content in this state of the group
proposal          it cannot be applied: a leaf that is blank, a key that is none of the suite, …
key-package       an Add whose key package is invalid; `key_package_reason` says how
capability        a leaf that does not support what the group requires
unknown-proposal  the commit refers to a proposal that is not pending
missing-reference a pending proposal is left out of the commit without need
proposal-list     the proposals of the commit exclude each other, or one the committer may not commit
external-commit   a commit from outside that does more than join
path              no path where one is needed, or one that does not fit the tree
path-key          a path that uses a key again
path-leaf         the committer's new leaf is invalid, or stands for somebody else
parent-hash       the path's leaf does not vouch for the path
identity          an Update that makes a member somebody else
tree              the tree would be invalid; `tree_fault` says how
confirmation-tag  not as long as the suite's hash
================  =====================================================================================
"""

import enum

from crypto._errors import CryptoError
from crypto.mls._key_package_rules import KeyPackageReason
from crypto.mls._tree_rules import TreeFault


class HandshakeFault(enum.Enum):
    """Why a proposal or commit is refused; see the table of this module."""

    GROUP = "group"
    EPOCH = "epoch"
    CONTENT = "content"
    SENDER = "sender"
    SIGNATURE = "signature"
    PROPOSAL = "proposal"
    KEY_PACKAGE = "key-package"
    CAPABILITY = "capability"
    UNKNOWN_PROPOSAL = "unknown-proposal"
    MISSING_REFERENCE = "missing-reference"
    PROPOSAL_LIST = "proposal-list"
    EXTERNAL_COMMIT = "external-commit"
    PATH = "path"
    PATH_KEY = "path-key"
    PATH_LEAF = "path-leaf"
    PARENT_HASH = "parent-hash"
    IDENTITY = "identity"
    TREE = "tree"
    CONFIRMATION_TAG = "confirmation-tag"


class InvalidHandshake(CryptoError):
    """A proposal or commit that the members would refuse, or would be harmed by; `fault` says why.

    EPOCH may be bad luck (somebody else's commit came first); everything else is the sender's fault.
    """

    def __init__(
        self,
        fault: HandshakeFault,
        *,
        key_package_reason: KeyPackageReason | None = None,
        tree_fault: TreeFault | None = None,
    ) -> None:
        super().__init__(f"an invalid handshake message: {fault.value}")
        self.fault = fault
        self.key_package_reason = key_package_reason
        self.tree_fault = tree_fault
