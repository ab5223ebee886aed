"""What a worker does with a claimed job: prepare its folder, watch its run, keep what it made.

Runs in a Celery pool process and never imports torch: a small spawner process forks the runs.
Web processes import nothing of this.
"""
