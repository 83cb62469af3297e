using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class DatasetSourceTests
{
    [Test]
    public void Digits_need_no_path()
    {
        using var data = DatasetSource.Load("digits", null, null);
        Assert.That((data.Train.Name, data.Train.Count, data.Train.Width), Is.EqualTo(("digits/train", 1438, 8)));
    }

    [Test]
    public void Their_own_size_changes_nothing()
    {
        using var data = DatasetSource.Load("digits", null, 8);
        Assert.That(data.Train.Name, Is.EqualTo("digits/train"));
    }

    [Test]
    public void A_smaller_size_is_averaged_in_both_parts()
    {
        using var data = DatasetSource.Load("digits", null, 4);
        Assert.That((data.Train.Name, data.Train.Width), Is.EqualTo(("digits/train@4", 4)));
        Assert.That((data.Test.Name, data.Test.Width, data.Test.Count), Is.EqualTo(("digits/test@4", 4, 359)));
    }

    [Test]
    public void A_size_that_does_not_divide_is_refused() =>
        Refusal.Of(() => DatasetSource.Load("digits", null, 16), "digits/train", "size 16");

    [Test]
    public void An_unknown_name_lists_the_known_and_the_nearest() =>
        Refusal.Of(
            () => DatasetSource.Load("cifar-10", null, null),
            "unknown data set 'cifar-10'",
            "Did you mean 'cifar10'?",
            "Known: digits, mixture, mini-canvas, cifar10, mnist, fashion-mnist, image-folder"
        );

    [Test]
    public void A_name_unlike_all_has_no_nearest()
    {
        var error = Assert.Throws<UserError>(() => DatasetSource.Load("zebra", null, null));
        Assert.That(error!.Message, Does.Not.Contain("Did you mean").And.Contains("Known: digits"));
    }

    [TestCase("cifar10", "https://www.cs.toronto.edu/~kriz/cifar.html, file cifar-10-binary.tar.gz; unpack it")]
    [TestCase("mnist", "IDX files")]
    [TestCase("fashion-mnist", "IDX files")]
    [TestCase("image-folder", "train/<class>/")]
    public void A_missing_path_says_what_to_pass(string name, string hint)
    {
        Refusal.Of(() => DatasetSource.Load(name, null, 32), $"data set '{name}'", "--set data.path=DIR", hint);
        Refusal.Of(() => DatasetSource.Load(name, " ", 32), "--set data.path=DIR");
    }

    [TestCase("cifar10")]
    [TestCase("mnist")]
    [TestCase("fashion-mnist")]
    [TestCase("image-folder")]
    public void A_wrong_path_is_named(string name)
    {
        using var folder = new TempFolder();
        Refusal.Of(() => DatasetSource.Load(name, folder["none"], 32), folder["none"], "no such folder");
    }

    [Test]
    public void An_image_folder_needs_a_size()
    {
        using var folder = new TempFolder();
        Refusal.Of(() => DatasetSource.Load("image-folder", folder.Root, null), "'image-folder'", "--set data.size=32");
    }

    [Test]
    public void Loading_leaves_only_its_own_four_tensors_alive()
    {
        DatasetSource.Load("digits", null, 4).Dispose();
        var before = Tensor.TotalCount;
        using (DatasetSource.Load("digits", null, 4))
            Assert.That(Tensor.TotalCount - before, Is.EqualTo(4));
        Assert.That(Tensor.TotalCount, Is.EqualTo(before));
    }
}
