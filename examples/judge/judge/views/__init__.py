"""The pages. Each shows what the database has; whoever changes the database says so in a channel."""
