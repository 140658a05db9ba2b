"""What steps look ahead for, where that is too much for the step's own file."""
