"""Titles and reasons of training's recipes, marked for translation.

`training` knows no translations: these are the same as in its files (a test compares them).
"""

from django.utils.translation import gettext_noop

WORDS = {
    gettext_noop("Short English texts, many classes: LSTM"),
    gettext_noop(
        "One bidirectional layer of 256 numbers in each direction, of which the classes see "
        "the largest over all tokens, with strong dropout at both ends. Tuned on a tenth of "
        "BANKING77's training split; some minutes on a CPU core for ten thousand questions."
    ),
    gettext_noop("Short English texts, many classes: Transformer"),
    gettext_noop(
        "One block of attention, wide and with a narrow feed-forward; the classes see the "
        "mean and the largest over all tokens, of which a tenth is hidden at random: without "
        "that 1.6 points were lost. Tuned on a tenth of BANKING77's training split; a minute "
        "on a CPU core for ten thousand questions."
    ),
    gettext_noop("Chinese texts, character by character"),
    gettext_noop(
        "A bidirectional GRU that reads characters, of which the 4,000 most frequent in the "
        "training split are known. Nothing has to be cut into words first."
    ),
    gettext_noop("Small colour images in little time on a GPU"),
    gettext_noop(
        "The ideas of the CIFAR-10 speed records (Page 2019; Jordan 2024): a frozen whitening "
        "layer first, biases of norms that learn 64 times as fast, lookahead, images mirrored "
        "in every other epoch, Nesterov momentum on a one-cycle schedule. Mirroring must keep "
        "the class. Not measured on a GPU by us yet; the times of the records are of their "
        "own programs, on an A100."
    ),
    gettext_noop("Clothes in grey, 28 pixels"),
    gettext_noop(
        "Four convolutions with batch normalisation, AdamW at a high rate on a one-cycle "
        "schedule, pictures mirrored by chance; eight epochs, a few minutes on a CPU core. "
        "Tuned on the last 5,000 images of Fashion-MNIST's training split: twelve epochs "
        "brought nothing more, a narrower network 0.2 points less, a moving average nothing."
    ),
    gettext_noop("A first model for small images"),
    gettext_noop(
        "The declared CNN with batch normalisation, shifts and a one-cycle schedule: minutes "
        "on a CPU for some ten thousand images of up to 64 pixels. Begin here, then change "
        "one thing at a time."
    ),
    gettext_noop("Photos of 128 pixels"),
    gettext_noop(
        "ResNet-18 with the large stem, cut from the centre, turned, scaled and coloured a "
        "little; a moving average of the weights is what is kept. For a GPU: on two CPU cores "
        "an epoch over ten thousand photos takes about two minutes, all forty more than an "
        "hour."
    ),
    gettext_noop("A small vision Transformer"),
    gettext_noop(
        "Patches of 4 pixels, six blocks, strong augmentation and a long schedule: "
        "Transformers find by themselves what convolutions have built in, and want more "
        "images and more epochs for it. To compare with a ResNet, not to win on a few "
        "thousand images."
    ),
    gettext_noop("Train, then halve"),
    gettext_noop(
        "The first recipe for images, after which half of each convolution's channels are "
        "removed and the rest is trained on for five epochs; the job's page compares "
        "accuracy, bytes and measured time before and after."
    ),
    gettext_noop("Photos of many classes, some of them rare"),
    gettext_noop(
        "ResNet-9 at 64 pixels whose epochs draw every class as often; look at the balanced "
        "accuracy and at each class's recall, not at accuracy alone. Mixup and a moving "
        "average keep it from learning the few rare photos by heart."
    ),
}
