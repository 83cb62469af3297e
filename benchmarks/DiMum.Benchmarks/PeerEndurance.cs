using DiMum.Nets;
using DiMum.Studies;

namespace DiMum.Benchmarks;

/// <summary><c>endurance 10000</c>: that many steps in each precision, and what the process holds at every tenth of the way.</summary>
internal static class PeerEndurance
{
    public static void Run(int steps)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            using var endurance = new Endurance(precision);
            for (var part = 0; part <= 10; part++)
            {
                var (tensors, managed, resident) = endurance.Measure();
                Console.WriteLine(
                    FormattableString.Invariant(
                        $"{precision}, step {part * (steps / 10)}: {tensors} live tensors, {managed / 1e6:f2} MB managed, {resident / 1e6:f1} MB resident"
                    )
                );
                if (part < 10)
                    endurance.Run(steps / 10);
            }
        }
    }
}
