"""Why a job or an attempt ended as it did: a code in the row, a sentence made when it is shown."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Each ends with the next step. `detail` (shown below the sentence) is what the run itself said.
SENTENCES = {
    # what a run reports; see training.errors
    "bad_input": gettext_noop(
        "The run could not read its input. Nothing in the configuration is wrong: ask an operator "
        "to verify the version (manage.py verify_version), then propose the job again."
    ),
    "class_missing_in_train": gettext_noop(
        "A class has no training sample in this version. Contribute some, freeze a new version and "
        "propose the job there."
    ),
    "empty_split": gettext_noop(
        "A split that the run needs is empty in this version. Freeze a version with more samples, "
        "then propose the job there."
    ),
    "non_finite_loss": gettext_noop(
        "The loss stopped being a number: the learning rate is most likely too high. Propose the "
        "job again with a learning rate ten times lower."
    ),
    "out_of_memory": gettext_noop(
        "The machine ran out of memory. Propose the job again with a smaller batch size, smaller "
        "images or shorter texts, or a smaller model."
    ),
    "pack_damaged": gettext_noop(
        "The worker's own copy of the samples was damaged; it is made anew next time. Propose the "
        "job again."
    ),
    "too_few_devices": gettext_noop(
        "The worker has fewer GPUs than the job asks for. Propose the job again with fewer devices, "
        "or ask an operator for a machine that has more."
    ),
    # what the supervisor and the reconciler find
    "crash": gettext_noop(
        "The run crashed. The log says where; this is a fault of the platform and not of the "
        "configuration. Tell an operator, then propose the job again."
    ),
    "no_result": gettext_noop(
        "The run ended without a result. The log says how far it came. Propose the job again, and "
        "tell an operator if that happens twice."
    ),
    "stalled": gettext_noop(
        "The run stopped making progress and was ended. Propose the job again, and tell an operator "
        "if that happens twice."
    ),
    "too_long": gettext_noop(
        "The run took longer than this site allows. Propose the job again with fewer epochs or a "
        "smaller model."
    ),
    "not_startable": gettext_noop(
        "The worker could not start the run. Tell an operator what is written below, then propose "
        "the job again."
    ),
    "not_kept": gettext_noop(
        "The run ended well, but its files could not be stored. Tell an operator what is written "
        "below, then propose the job again."
    ),
    "lost_too_often": gettext_noop(
        "The worker was lost in every attempt, which often means that the job takes more memory "
        "than the machine has. Propose it again with a smaller batch or model, or ask an operator "
        "to look at the workers."
    ),
    "data_withdrawn": gettext_noop(
        "Samples of its version were withdrawn, so it could not be trained on them. Propose the job "
        "again on the version's successor."
    ),
    # what ended an attempt only; the job goes on
    "lease_expired": gettext_noop("The worker stopped answering; the job went back to the queue."),
    "killed": gettext_noop("The run was killed on its worker; the job went back to the queue."),
    "released": gettext_noop(
        "The worker was shut down in good order and gave the job back to the queue."
    ),
    # what people decided
    "cancelled": gettext_noop("It was cancelled. Whatever it had measured until then is kept."),
    "rejected": gettext_noop(
        "A maintainer rejected it; the reason is below. Change it and propose it again."
    ),
}


def sentence(code: str) -> str:
    """The sentence for a code, in the reader's language; empty for no code."""
    if not code:
        return ""
    return _(SENTENCES.get(code, SENTENCES["crash"]))
