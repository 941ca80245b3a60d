"""The pages: thin, they ask the bridge and fill templates."""
