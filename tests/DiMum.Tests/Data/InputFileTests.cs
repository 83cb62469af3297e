using System.Runtime.Versioning;
using DiMum.Data;
using NUnit.Framework;

namespace DiMum.Tests.Data;

public class InputFileTests
{
    private TempFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TempFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void A_missing_folder_is_named_in_full() =>
        Refusal.Of(
            () => InputFile.Folder(_folder["none"], "pictures"),
            _folder["none"],
            "no such folder",
            "expected pictures",
            "check the path"
        );

    [Test]
    public void A_relative_path_is_named_in_full() =>
        Refusal.Of(() => InputFile.Folder("no-such-folder-here", "pictures"), Path.GetFullPath("no-such-folder-here"));

    [Test]
    public void A_file_for_a_folder_is_refused()
    {
        var path = _folder.Write("a.tar.gz", [1]);
        Refusal.Of(() => InputFile.Folder(path, "pictures"), path, "is a file", "unpacked");
    }

    [Test]
    public void A_folder_for_a_file_is_refused() =>
        Refusal.Of(() => InputFile.Open(_folder.Root, "5 bytes"), _folder.Root, "is a folder", "expected a file: 5 bytes");

    [TestCase("")]
    [TestCase("  ")]
    [TestCase("a\0b")]
    public void What_is_no_path_is_refused(string path) => Refusal.Of(() => InputFile.Folder(path, "pictures"), "is not a path");

    [Test]
    public void A_leading_tilde_is_the_home_folder() =>
        Assert.That(InputFile.Folder("~/", "pictures"), Does.StartWith(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)));

    [Test]
    public void Permission_denied_says_so() =>
        Refusal.Of(
            () => throw InputFile.Explain("/a/b.bin", "5 bytes", new UnauthorizedAccessException("x")),
            "/a/b.bin: permission denied, expected 5 bytes; give this user the right to read it"
        );

    [Test]
    public void A_failing_disk_says_so_in_one_line() =>
        Refusal.Of(
            () => throw InputFile.Explain("/a/b.bin", "5 bytes", new IOException("Input/output\nerror")),
            "/a/b.bin: cannot be read (Input/output error), expected 5 bytes"
        );

    [Test, Platform("Linux,MacOsX"), UnsupportedOSPlatform("windows")]
    public void An_unreadable_file_is_named()
    {
        Assume.That(Environment.IsPrivilegedProcess, Is.False, "an administrator may read everything");
        var path = _folder.Write("secret.bin", [1]);
        File.SetUnixFileMode(path, UnixFileMode.None);
        Refusal.Of(() => InputFile.Open(path, "1 byte"), path, "permission denied");
    }
}
