"""What people see: read from the tables, changed by nothing."""
