using DiMum.Metrics;
using MathNet.Numerics.LinearAlgebra;

namespace DiMum.Verification.Cases;

/// <summary>Means, covariances and the Fréchet distance of given activations or given matrices, against four public implementations.</summary>
internal static class FrechetCase
{
    private static readonly string[] Implementations = ["pytorch_fid", "guided_diffusion", "cleanfid", "torch_fidelity"];

    public static void Run(CaseRun run)
    {
        var (inputs, outputs, tolerance) = (run.File.Root["inputs"], run.File.Outputs, run.File.Root["tolerance"]);
        var atol = tolerance["suggested_atol"].Number();
        if (inputs.Has("mu1"))
            Matrices(run.Check, inputs, outputs, atol);
        else
            OfActivations(run.Check, inputs, outputs, atol, tolerance["suggested_rtol_moments"].Number());
    }

    private static void OfActivations(Checker check, GoldenNode inputs, GoldenNode outputs, double atol, double relative)
    {
        var (rowsA, rowsB) = (ActivationRule.Rows(inputs["A"]), ActivationRule.Rows(inputs["B"]));
        var (a, b) = (Moments(check, outputs, "A", rowsA, relative), Moments(check, outputs, "B", rowsB, relative));
        check.Number(outputs["mean_term"], (a.Mean - b.Mean).DotProduct(a.Mean - b.Mean), atol);

        var distance = new Frechet(a).To(b.Mean, b.Covariance);
        foreach (var (name, want) in outputs["frechet"].Members())
            if (name.StartsWith("guided_diffusion on float32", StringComparison.Ordinal))
                check.Number(want, ReleasedFrechet.GuidedDiffusion(rowsA, rowsB), atol);
            else if (Implementations.Any(i => name.StartsWith(i, StringComparison.Ordinal)))
                check.Number(want, distance, atol);
        foreach (var (name, want) in outputs.Members())
            if (name.StartsWith("check_frechet", StringComparison.Ordinal))
                check.Number(want, distance, atol);
            else if (name.StartsWith("sqrtm_", StringComparison.Ordinal))
                want.Use(); // how scipy's matrix root behaved; there is none here
    }

    // Matrices that need not be covariances: the released readings part.
    private static void Matrices(Checker check, GoldenNode inputs, GoldenNode outputs, double atol)
    {
        var (mu1, mu2) = (Vector<double>.Build.Dense(inputs["mu1"].Numbers()), Vector<double>.Build.Dense(inputs["mu2"].Numbers()));
        var (sigma1, sigma2) = (Square(inputs["sigma1"]), Square(inputs["sigma2"]));
        foreach (var (name, want) in outputs["frechet"].Members())
            check.Number(
                want,
                name.StartsWith("torch_fidelity", StringComparison.Ordinal)
                    ? ReleasedFrechet.ByEigenvalues(mu1, sigma1, mu2, sigma2)
                    : ReleasedFrechet.WithEpsilon(mu1, sigma1, mu2, sigma2),
                atol
            );
    }

    private static Matrix<double> Square(GoldenNode rows) =>
        Matrix<double>.Build.DenseOfRowArrays(rows.Use().Items().Select(row => row.Numbers()));

    private static FeatureMoments Moments(Checker check, GoldenNode outputs, string name, Matrix<double> rows, double relative)
    {
        var moments = new FeatureMoments(rows.ColumnCount);
        moments.Add(rows);
        var (mean, covariance) = (moments.Mean, moments.Covariance);
        var (mu, sigma) = (outputs["mu_" + name], outputs["sigma_" + name]);
        long d = moments.Dimension;
        Summary.Compare(check, mu, [d], mean.ToArray(), relative * mu["abs_max"].Number());
        Summary.Compare(check, sigma, [d, d], covariance.ToRowMajorArray(), relative * sigma["abs_max"].Number());
        check.Number(outputs["trace_sigma_" + name], covariance.Trace(), relative * covariance.Trace());
        check.Number(outputs["rank_sigma_" + name], covariance.Rank());
        return moments;
    }
}
