from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_blob_indexes")]

    operations = [
        migrations.AddField(
            model_name="version", name="changes", field=models.JSONField(default=dict)
        ),
    ]
