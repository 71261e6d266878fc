"""`/mydata` and `/forgetme`: exporting and deleting what is stored about a person."""
