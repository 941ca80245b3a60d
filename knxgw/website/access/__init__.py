"""Who may use the website: accounts, sessions, passwords. No Flask here."""
