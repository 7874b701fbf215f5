"""CronJob: a Job at every time that a crontab line says."""
