"""What users bring, read into networks of ours."""
