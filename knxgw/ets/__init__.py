"""What ETS exports and imports: projects, lists of group addresses, keys; files of others."""
