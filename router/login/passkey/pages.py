"""What people see of passkeys. Text is escaped here; the script is `assets/passkey.js`.

Everything but the ceremonies works without a script: renaming and removing are plain forms.
"""

import datetime as dt
import html
from typing import Final

from router.login.passkey.flow import MAX_NAME, Holder, display_name
from router.login.web import document
from router.store.passkeys import Passkey

_DAY: Final = 86_400
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_SAID: Final = (
    '<p id="said" role="status"></p>'
    '<noscript><p class="note">Passkeys need JavaScript, which is turned off in this browser.</p></noscript>'
)


def sign_in_page(domain: str, *, registration: bool, for_app: bool, problem: str = "") -> bytes:
    """To come in, or to become somebody here."""
    why = "An app wants you to sign in." if for_app else "To see and change your passkeys."
    shown = html.escape(domain)
    body = f"""
<h1>Sign in to {shown}</h1>
<p class="quiet">{why}</p>{_note(problem)}
<form data-act="login">
<button class="main" data-passkey disabled>Sign in with a passkey</button>
<details><summary>I am one of several people here</summary>
<label for="who">Your name <small>only its passkeys will do</small></label>
{_name_field("who", shown)}</details>
</form>
{_SAID}"""
    if registration:
        body += f"""
<section><h2>New here?</h2>
<form data-act="create">
<label for="new">Choose a name <small>for good: others find you by it</small></label>
{_name_field("new", shown, required=True)}
<button class="other" data-passkey disabled>Create an account with a passkey</button>
</form>
<p class="quiet">A passkey is kept by your phone, computer or security key. You unlock it as you unlock that
device. There is no password.</p></section>"""
    return document(f"Sign in to {domain}", body, script=True, heading=False)


def open_page(link: str, check: str) -> bytes:
    """From an app's link: one click, which no other page can make for the person."""
    body = f"""
<h1>Your passkeys</h1>
<p>An app has opened this page for you to add or remove passkeys. Go on only if you asked it to.</p>
<form method="post" action="/login/passkeys/open">
<input type="hidden" name="link" value="{html.escape(link)}">
<input type="hidden" name="check" value="{html.escape(check)}">
<button class="main">Go on</button>
</form>"""
    return document("Your passkeys", body, script=True, heading=False)


def passkeys_page(holder: Holder, check: str, *, problem: str = "", last: str | None = None) -> bytes:
    """All of one's own. `last`: the passkey that was to be removed and is the last way in."""
    entries = "".join(_entry(each, check, last=each.id == last) for each in holder.passkeys)
    listed = f"<ul>{entries}</ul>" if entries else "<p>There are none yet.</p>"
    body = f"""
<div class="row spread"><h1>Your passkeys</h1>
<form method="post" action="/login/passkeys/leave">{_check(check)}<button>Sign out</button></form></div>
<p class="quiet">of <strong>{html.escape(display_name(holder.account))}</strong></p>{_note(problem)}
{listed}
<section><h2>Add a passkey</h2>
<form data-act="add">
<label for="label">What to call it <small>as Blue key</small></label>
<div class="row"><div class="field"><input id="label" name="label" maxlength="{MAX_NAME}" autocomplete="off">
</div>
<button class="main" data-passkey disabled>Add a passkey</button></div>
</form>
{_SAID}</section>"""
    return document("Your passkeys", body, script=True, heading=False, wide=True)


def _entry(passkey: Passkey, check: str, *, last: bool) -> str:
    name, aside = html.escape(passkey.name), ""
    if passkey.suspended:
        aside = (
            '<p><span class="tag">set aside</span> A copy of it seems to be in use. It opens nothing any '
            "more: remove it, and add another one.</p>"
        )
    used = f"last used {_date(passkey.used_day)}" if passkey.used_day else "not used yet"
    where = "on all devices of its owner" if passkey.synced else "on one device"
    force = (
        '<label class="choice"><input type="checkbox" name="evenIfLast" value="yes">'
        "I know that nobody can sign in to this account then</label>"
        if last
        else ""
    )
    own = f'{_check(check)}<input type="hidden" name="passkey" value="{html.escape(passkey.id)}">'
    return f"""
<li><h2>{name}</h2>
<p class="quiet">Added {_date(passkey.created_day)}, {used}, kept {where}.</p>{aside}
<details><summary>Rename</summary>
<form method="post" action="/login/passkeys/rename">{own}
<div class="row"><div class="field"><input name="label" value="{name}" maxlength="{MAX_NAME}" required
aria-label="New name of {name}" autocomplete="off"></div><button>Save</button></div></form></details>
<details{" open" if last else ""}><summary>Remove</summary>
<form method="post" action="/login/passkeys/revoke">{own}
<label class="choice"><input type="checkbox" name="endLogins" value="yes">
Also end every login of this account, in all apps</label>{force}
<button class="bad">Remove {name}</button></form></details></li>"""


def _name_field(name: str, domain: str, *, required: bool = False) -> str:
    must = "required " if required else ""
    return (
        f'<div class="field"><input id="{name}" name="name" {must}maxlength="63" autocapitalize="none" '
        f'autocomplete="username" spellcheck="false"><span>.{domain}</span></div>'
    )


def _check(check: str) -> str:
    return f'<input type="hidden" name="check" value="{html.escape(check)}">'


def _note(problem: str) -> str:
    return f'<p class="note" role="alert">{html.escape(problem)}</p>' if problem else ""


def _date(day: int) -> str:
    date = dt.datetime.fromtimestamp(day * _DAY, dt.UTC)
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"
