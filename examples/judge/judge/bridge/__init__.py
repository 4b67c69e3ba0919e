"""The other side of the site: judges that find verdicts, and people who send things in. All of them simulated."""
