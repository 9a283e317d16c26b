"""Analysis: tidy tables in, tidy tables out; one row is one measurement."""
