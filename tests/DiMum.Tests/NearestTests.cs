using NUnit.Framework;

namespace DiMum.Tests;

public class NearestTests
{
    [TestCase("cifar-10", "cifar10")]
    [TestCase("CIFAR10", "cifar10")]
    [TestCase("mnsit", "mnist")]
    [TestCase("fashion", "fashion-mnist")]
    public void A_mistyped_name_finds_the_one_meant(string typed, string meant) =>
        Assert.That(Nearest.Of(typed, ["cifar10", "mnist", "fashion-mnist"]), Is.EqualTo(meant));

    [TestCase("zebra")]
    [TestCase("")]
    public void A_name_unlike_all_finds_none(string typed) => Assert.That(Nearest.Of(typed, ["cifar10", "mnist"]), Is.Null);

    [Test]
    public void Nothing_known_finds_none() => Assert.That(Nearest.Of("mnist", []), Is.Null);

    [TestCase("kitten", "sitting", 3)]
    [TestCase("", "abc", 3)]
    [TestCase("abc", "", 3)]
    [TestCase("same", "same", 0)]
    public void The_distance_is_Levenshteins(string a, string b, int distance) => Assert.That(Nearest.Distance(a, b), Is.EqualTo(distance));
}
