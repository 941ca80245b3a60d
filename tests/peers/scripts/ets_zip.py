"""Encrypts an archive as ETS 6 does: `{"do": "protect", "members": ..., "password": ...}`.

Source: [ets-project] WinZip's AES-256, with a password derived by PBKDF2.
"""

import base64
import hashlib
import io
import json
import sys

import pyzipper


def derived(password: str) -> bytes:
    """Return the password of the archive that belongs to a project's password."""
    salt = b"21.project.ets.knx.org"
    key = hashlib.pbkdf2_hmac("sha256", password.encode("utf-16-le"), salt, 65536, 32)
    return base64.b64encode(key)


def main() -> None:
    """Answer one question with the archive in base64."""
    question = json.loads(sys.stdin.read())
    made = io.BytesIO()
    with pyzipper.AESZipFile(
        made, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(derived(question["password"]))
        for name, text in question["members"].items():
            archive.writestr(name, text)
    sys.stdout.write(base64.b64encode(made.getvalue()).decode())


if __name__ == "__main__":
    main()
