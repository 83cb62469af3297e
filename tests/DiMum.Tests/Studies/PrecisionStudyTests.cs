using DiMum.Studies;
using NUnit.Framework;

namespace DiMum.Tests.Studies;

public class PrecisionStudyTests
{
    // SciPy: ttest_ind([1,2,3,4],[2,4,6,9], equal_var=False).pvalue
    [Test]
    public void Welch_test_has_the_known_value() =>
        Assert.That(PrecisionStudy.Welch([1, 2, 3, 4], [2, 4, 6, 9]), Is.EqualTo(0.1647020796280566).Within(1e-9));

    [Test]
    public void Equal_constant_samples_are_not_told_apart_and_different_ones_are()
    {
        Assert.That(PrecisionStudy.Welch([1, 1], [1, 1]), Is.EqualTo(1));
        Assert.That(PrecisionStudy.Welch([1, 1], [2, 2]), Is.Zero);
    }

    [Test]
    public void A_page_says_what_is_missing() => Assert.That(PrecisionStudy.Page([]), Does.Contain("**10 of 10 runs are missing.**"));
}
