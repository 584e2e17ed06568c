import pytest
import torch

from distaff.autoencoder import Autoencoder
from distaff.errors import InputError
from distaff.latent import Domain, Gaussian, Softmax
from distaff.likelihood import Bernoulli
from distaff.network import Mlp
from distaff.objective import KL, Batch, Classify, Objective, Reconstruction, Supervise
from distaff.schedule import Linear, Sigmoid

DOMAINS = {"digit": Domain(10), "slant": Domain(0)}
NAN = float("nan")


@pytest.fixture
def model():
    torch.manual_seed(0)
    latent = [Gaussian(4), Softmax(attributes=["digit"])]
    return Autoencoder((1, 8, 8), network=Mlp((32,)), latent=latent, likelihood=Bernoulli(), domains=DOMAINS)


@pytest.fixture
def batch():
    labels = {"digit": torch.tensor([3.0, NAN, 7.0, NAN]), "slant": torch.full((4,), NAN)}
    return Batch(torch.rand(4, 1, 8, 8), labels)


def loss_of(specs, model, batch, step=0, steps=100):
    objective = Objective(specs, model, DOMAINS, steps)
    output = model(batch.images, generator=torch.Generator().manual_seed(0))
    return objective(batch, output, model, objective.weights(step)), objective, output


def test_the_loss_is_the_weighted_sum_in_nats_per_image(model, batch):
    loss, _, output = loss_of([Reconstruction(2.0), KL(3.0, blocks=["z"])], model, batch)
    nats = -model.likelihood.log_probability(output.decoded, batch.images)
    kl = model.latent["z"].kl(output.states["z"]).sum(1)
    assert torch.allclose(loss.total, 2 * nats.mean() + 3 * kl.mean())
    assert torch.allclose(loss.values["kl"], kl)


def test_reconstruction_is_always_there(model, batch):
    _, objective, _ = loss_of([KL()], model, batch)
    assert objective.columns() == ["reconstruction", "kl"]


def test_capacity_holds_the_batch_mean(model, batch):
    loss, objective, _ = loss_of(
        [Reconstruction(0.0), KL(5.0, capacity=Linear(0, 20))], model, batch, step=50
    )
    assert objective.weights(50)["kl.capacity"] == 10
    assert loss.total.item() == pytest.approx(5 * abs(loss.values["kl"].mean().item() - 10), rel=1e-5)


def test_free_bits_are_free_per_dimension(model, batch):
    loss, _, output = loss_of([Reconstruction(0.0), KL(free_bits=2.0, blocks=["z"])], model, batch)
    per_dimension = model.latent["z"].kl(output.states["z"]).mean(0)
    assert loss.total.item() == pytest.approx(per_dimension.clamp(min=2).sum().item(), rel=1e-5)
    assert loss.total.item() >= 8


def test_unlabelled_pictures_are_skipped(model, batch):
    loss, _, output = loss_of(
        [Reconstruction(0.0), Supervise(1.0), Classify("digit", weight=0.5)], model, batch
    )
    logits = output.states["digit"].logits
    expected = torch.nn.functional.cross_entropy(logits[[0, 2]], torch.tensor([3, 7]))
    assert loss.values["supervise.digit"].isnan().tolist() == [False, True, False, True]
    classify = loss.values["classify.digit"].nanmean()
    assert loss.total.item() == pytest.approx((expected + 0.5 * classify).item(), rel=1e-5)


def test_a_batch_without_any_label_adds_nothing_and_has_a_gradient(model, batch):
    batch.labels["digit"] = torch.full((4,), NAN)
    loss, _, _ = loss_of([Reconstruction(0.0), Supervise(100.0), Classify("digit")], model, batch)
    assert loss.total.item() == 0
    loss.total.backward()


def test_a_classifier_with_weight_zero_learns_without_touching_the_encoder(model, batch):
    fall = Sigmoid(100, 0, until="60%")
    loss, objective, _ = loss_of([Reconstruction(0.0), Classify("digit", weight=fall)], model, batch, step=60)
    loss.total.backward()
    assert loss.total.item() == 0
    assert all(not each.grad.any() for each in model.encoder.parameters())
    assert all(each.grad.any() for each in objective.parameters())


def test_the_encoder_feels_the_classifiers_weight(model, batch):
    def gradient(weight):
        model.zero_grad()
        torch.manual_seed(1)
        loss, _, _ = loss_of([Reconstruction(0.0), Classify("digit", weight=weight)], model, batch)
        loss.total.backward()
        return model.head.weight.grad.clone()

    assert torch.allclose(gradient(10.0), 10 * gradient(1.0), rtol=1e-4, atol=1e-7)


def test_the_average_kl_is_the_sum_over_the_number_of_dimensions(model, batch):
    torch.manual_seed(0)
    whole, _, _ = loss_of([Reconstruction(0.0), KL()], model, batch)
    torch.manual_seed(0)
    mean, _, _ = loss_of([Reconstruction(0.0), KL(average=True)], model, batch)
    # Four normal latents and one categorical.
    assert mean.total.item() == pytest.approx(whole.total.item() / 5)
    assert torch.equal(mean.values["kl"], whole.values["kl"])


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([KL(blocks=["y"])], "no latent block is called 'y'"),
        ([KL(), KL(2.0)], "two terms are called 'kl'"),
        ([Classify("digits")], "did you mean 'digit'"),
        ([Classify("slant")], "is continuous; a classifier needs classes"),
        ([Supervise(attributes=["slant"])], "no attribute block 'slant'"),
    ],
)
def test_mistakes_are_named(model, batch, specs, message):
    with pytest.raises(InputError, match=message):
        loss_of(specs, model, batch)


def test_supervise_needs_an_attribute_block():
    model = Autoencoder(
        (1, 8, 8), network=Mlp((8,)), latent=[Gaussian(2)], likelihood=Bernoulli(), domains=DOMAINS
    )
    with pytest.raises(InputError, match="no attribute block"):
        Objective([Supervise()], model, DOMAINS, 10)
