"""Where the runner keeps its truth: one database, SQLite or PostgreSQL, with exact values."""
