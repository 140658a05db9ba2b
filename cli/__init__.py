"""The operator's command `entente`: speaks to the function app over HTTP, and to nothing else."""
