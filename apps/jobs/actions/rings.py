"""Names of the tasks that actions ring for: tasks import actions, never the other way round."""

TRAIN = "apps.jobs.tasks.train"
