using NUnit.Framework;

namespace DiMum.Tests;

public class SmokeTests
{
    [Test]
    public void Torch_loads() => Assert.That(TorchSharp.torch.ones(3).sum().item<float>(), Is.EqualTo(3f));
}
