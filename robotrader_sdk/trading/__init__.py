"""The market's rules, pure: no I/O, no pandas, no clock."""
