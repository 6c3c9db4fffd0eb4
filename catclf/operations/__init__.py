"""What each verb does, as a library."""
