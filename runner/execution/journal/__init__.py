"""The journal: what is wanted is written down before it is sent, and what happened, once."""
