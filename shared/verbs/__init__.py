"""What the app does: accept, attempt, advance, finish, sweep, park, and what people ask of a running request."""
