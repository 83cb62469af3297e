using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>Groups of weights on the full-size name table, and what may be switched on a U-Net.</summary>
public class UNetSwitchTests
{
    private static readonly UNet2DConditionConfig Full = new();

    // The name tests of UnlearnCanvas@920cfd1 on CompVis names.
    private static readonly Dictionary<string, Func<string, bool>> Released = new()
    {
        ["full"] = _ => true,
        ["xattn"] = n => n.Contains("attn2"),
        ["noxattn"] = n => !(n.StartsWith("out.") || n.Contains("attn2") || n.Contains("time_embed")),
        ["selfattn"] = n => n.Contains("attn1"),
        ["notime"] = n => !(n.StartsWith("out.") || n.Contains("time_embed")),
        ["xlayer"] = n => n.Contains("attn2") && (n.Contains("output_blocks.6.") || n.Contains("output_blocks.8.")),
        ["selflayer"] = n => n.Contains("attn1") && (n.Contains("input_blocks.4.") || n.Contains("input_blocks.7.")),
        ["cross-attention-kv"] = n => n.Contains("attn2.to_k") || n.Contains("attn2.to_v"),
    };

    [TestCase("full", 686, 859_520_964)]
    [TestCase("xattn", 80, 43_962_560)]
    [TestCase("cross-attention-kv", 32, 19_169_280)]
    [TestCase("noxattn", null, null)]
    [TestCase("selfattn", 80, null)]
    [TestCase("notime", 678, null)]
    [TestCase("xlayer", 10, null)]
    [TestCase("selflayer", 10, null)]
    public void A_group_selects_what_the_released_name_test_selects_on_the_full_network(string group, int? tensors, long? weights)
    {
        var all = UNet2DConditionModel.Declared(Full);
        var chosen = all.Where(p => ParameterSelection.Parse(group).Includes(p.Name)).ToList();
        var released = all.Where(p => Released[group](CompVisNames.UNet(p.Name, Full))).ToList();
        Assert.That(chosen.Select(p => p.Name), Is.EqualTo(released.Select(p => p.Name)));
        Assert.That(chosen, Is.Not.Empty);
        if (tensors is not null)
            Assert.That(chosen, Has.Count.EqualTo(tensors));
        if (weights is not null)
            Assert.That(chosen.Sum(p => p.Count), Is.EqualTo(weights));
    }

    [Test]
    public void Every_group_has_its_released_name_test() => Assert.That(ParameterSelection.GroupNames, Is.EquivalentTo(Released.Keys));

    [Test]
    public void Recomputed_activations_give_the_same_prediction_and_gradient()
    {
        using var scope = NewDisposeScope();
        var (plain, plainGradient) = Differentiated(recomputes: false, detaches: false);
        var (again, gradient) = Differentiated(recomputes: true, detaches: false);
        Assert.That(again.bytes.SequenceEqual(plain.bytes));
        Assert.That((gradient - plainGradient).abs().max().item<float>(), Is.LessThan(1e-6f * plainGradient.abs().max().item<float>()));
        Assert.That(plainGradient.ne(0).sum().item<long>(), Is.GreaterThan(plainGradient.numel() / 2));
    }

    [Test]
    public void A_detached_first_token_changes_no_prediction_and_alone_gives_keys_and_values_no_gradient()
    {
        using var scope = NewDisposeScope();
        var (plain, gradient) = Differentiated(false, detaches: false);
        var (again, detached) = Differentiated(false, detaches: true);
        Assert.That(again.bytes.SequenceEqual(plain.bytes));
        Assert.That((gradient - detached).abs().max().item<float>(), Is.GreaterThan(0));
        using var world = new TextWorld();
        var (_, first) = Differentiated(false, detaches: true, tokens: 1);
        var model = world.Model.Parameters;
        foreach (var p in model.Entries.Where(p => p.Name.Contains("attn2.to_k") || p.Name.Contains("attn2.to_v")))
            Assert.That(model.Slice(first, p.Name).abs().max().item<float>(), Is.Zero, p.Name);
    }

    private static (Tensor Prediction, Tensor Gradient) Differentiated(bool recomputes, bool detaches, int? tokens = null)
    {
        using var world = new TextWorld();
        using var scope = NewDisposeScope();
        using var generator = new Seed(3).Generator();
        var unet = world.Model.UNet;
        (unet.Recomputes, unet.DetachesFirstToken) = (recomputes, detaches);
        var (x, t) = (randn([2, 4, 8, 8], generator: generator), tensor(new long[] { 3, 30 }));
        var context = world.Prompts.Features.narrow(0, 0, 2).narrow(1, 0, tokens ?? 77);
        var prediction = unet.Predict(x, t, new Condition(context));
        prediction.square().sum().backward();
        return (prediction.detach().clone().MoveToOuterDisposeScope(), unet.Parameters.Gradient.clone().MoveToOuterDisposeScope());
    }
}
