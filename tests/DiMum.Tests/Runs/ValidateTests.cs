using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Numbers that make no network are told by their key before anything is loaded or trained.</summary>
public class ValidateTests
{
    [TestCase("network.norm-groups=0", "network.norm-groups is 0; expected at least 1")]
    [TestCase("network.channels=0", "network.channels is 0; expected at least 1")]
    [TestCase("network.res-blocks=0", "network.res-blocks is 0; expected at least 1")]
    [TestCase("network.multipliers=[]", "network.multipliers is empty; expected one whole number a level")]
    [TestCase("network.multipliers=[1, 0]", "network.multipliers is 0; expected at least 1")]
    public void A_network(string setting, string told) =>
        Assert.Multiple(() =>
        {
            foreach (var preset in new[] { "digits", "canvas-mini" })
                Refusal.Of(() => Presets.Load(preset, [setting]), told);
        });

    [TestCase("[]", "classifier.widths is empty")]
    [TestCase("[12]", "classifier.widths is 12; expected a multiple of 8")]
    public void A_classifier(string widths, string told) => Refusal.Of(() => Presets.Load("digits", [$"classifier.widths={widths}"]), told);

    [TestCase("canvas.heads=0", "canvas.heads is 0; expected at least 1")]
    [TestCase("canvas.pictures=1", "canvas.pictures is 1; expected 2…20")]
    [TestCase("canvas.heads=3", "network.channels times a multiplier is 64", "a multiple of canvas.heads = 3")]
    [TestCase("network.norm-groups=48", "network.channels times a multiplier is 64", "a multiple of network.norm-groups = 48")]
    [TestCase("canvas.autoencoder.norm-groups=0", "canvas.autoencoder.norm-groups is 0; expected at least 1")]
    [TestCase("canvas.autoencoder.norm-groups=5", "canvas.autoencoder.widths is 16", "canvas.autoencoder.norm-groups = 5")]
    [TestCase("canvas.autoencoder.widths=[]", "canvas.autoencoder.widths is empty")]
    [TestCase("canvas.autoencoder.widths=[-8]", "canvas.autoencoder.widths is -8; expected at least 1")]
    [TestCase("canvas.autoencoder.blocks=0", "canvas.autoencoder.blocks is 0")]
    [TestCase("canvas.autoencoder.latent-channels=0", "canvas.autoencoder.latent-channels is 0")]
    [TestCase("canvas.autoencoder.batch-size=0", "canvas.autoencoder.batch-size is 0")]
    [TestCase("canvas.autoencoder.rate=0", "canvas.autoencoder.rate is 0")]
    [TestCase("canvas.autoencoder.crop=10", "canvas.autoencoder.crop is 10; expected a multiple of 4")]
    [TestCase("canvas.autoencoder.crop=0", "canvas.autoencoder.crop is 0; expected at least 1")]
    [TestCase("data.size=20", "data.size is 20; expected a multiple of 8")]
    [TestCase("network.multipliers=[1, 1, 1, 1, 1]", "data.size is 32; expected a multiple of 64")]
    [TestCase("canvas.text.heads=0", "canvas.text.heads is 0; expected at least 1")]
    [TestCase("canvas.text.heads=5", "canvas.text.width is 64", "a multiple of canvas.text.heads = 5")]
    [TestCase("canvas.text.layers=-1", "canvas.text.layers is -1; expected at least 1")]
    [TestCase("canvas.text.width=0", "canvas.text.width is 0; expected at least 1")]
    [TestCase("canvas.text.batch-size=0", "canvas.text.batch-size is 0")]
    [TestCase("canvas.text.rate=-1", "canvas.text.rate is -1")]
    public void The_parts_of_a_latent_model(string setting, params string[] told) =>
        Refusal.Of(() => Presets.Load("canvas-mini", [setting]), told);
}
