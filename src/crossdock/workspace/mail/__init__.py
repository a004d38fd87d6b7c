"""Mail: `queue` takes messages inside a transaction, `posting` sends them by SMTP, `inbox` shows
them, `recipients` knows a workspace's owners."""
