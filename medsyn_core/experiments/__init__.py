"""What was run, what it showed, and what the papers say: ledgers, run records, plans and exhibits."""
