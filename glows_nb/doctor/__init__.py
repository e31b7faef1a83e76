"""What is wrong? The checks, a look at each route, and the report."""
