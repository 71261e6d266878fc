"""The draw: a seed that is promised at the opening, a list of tickets that is frozen and published,
a public beacon that nobody knows yet, and winners that anybody can compute."""
