using DiMum.Metrics;
using MathNet.Numerics.LinearAlgebra;

namespace DiMum.Verification.Cases;

/// <summary>Means, covariances and the Fréchet distance of given activations, against four public implementations.</summary>
internal static class FrechetCase
{
    private static readonly string[] Implementations = ["pytorch_fid", "guided_diffusion.", "cleanfid", "torch_fidelity"];

    public static void Run(CaseRun run)
    {
        var (inputs, outputs, check) = (run.File.Root["inputs"], run.File.Outputs, run.Check);
        if (!inputs.Has("A"))
            throw new NotCovered(
                "two given matrices that are no covariances: the distance here is between covariances and has no ε branch"
            );
        var (a, b) = (Activations(inputs["A"]), Activations(inputs["B"]));
        var tolerance = run.File.Root["tolerance"];
        Moments(check, outputs, "A", a, tolerance["suggested_rtol_moments"].Number());
        Moments(check, outputs, "B", b, tolerance["suggested_rtol_moments"].Number());
        check.Number(outputs["mean_term"], (a.Mean - b.Mean).DotProduct(a.Mean - b.Mean), tolerance["suggested_atol"].Number());

        var distance = new Frechet(a).To(b.Mean, b.Covariance);
        foreach (var (name, want) in outputs["frechet"].Members())
            if (Implementations.Any(i => name.StartsWith(i, StringComparison.Ordinal)))
                check.Number(want, distance, tolerance["suggested_atol"].Number());
        foreach (var (name, want) in outputs.Members())
            if (name.StartsWith("check_frechet", StringComparison.Ordinal))
                check.Number(want, distance, tolerance["suggested_atol"].Number());
            else if (name.StartsWith("sqrtm_", StringComparison.Ordinal))
                want.Use(); // how scipy's matrix root behaved; there is none here
    }

    private static void Moments(Checker check, GoldenNode outputs, string name, FeatureMoments moments, double relative)
    {
        var (mean, covariance) = (moments.Mean, moments.Covariance);
        var (mu, sigma) = (outputs["mu_" + name], outputs["sigma_" + name]);
        long d = moments.Dimension;
        Summary.Compare(check, mu, [d], mean.ToArray(), relative * mu["abs_max"].Number());
        Summary.Compare(check, sigma, [d, d], covariance.ToRowMajorArray(), relative * sigma["abs_max"].Number());
        check.Number(outputs["trace_sigma_" + name], covariance.Trace(), relative * covariance.Trace());
        check.Number(outputs["rank_sigma_" + name], covariance.Rank());
    }

    // A[i,j] = a·X[i,j] + b·X[i,(j+1) mod d] + c + e·j/d with X by the rule, in float64; max(0, ·) where «relu».
    private static FeatureMoments Activations(GoldenNode input)
    {
        var (n, d) = ((int)input["n"].Integer(), (int)input["d"].Integer());
        var (a, b, c, e) = (input["a"].Number(), input["b"].Number(), input["c"].Number(), input["e"].Number());
        var (hash, relu) = (ProceduralRule.Hash(input["name"].Text()), input["relu"].Flag());
        double X(int i, int j) => ProceduralRule.Sine(hash, (long)i * d + j);
        double At(int i, int j)
        {
            var value = a * X(i, j) + b * X(i, (j + 1) % d) + c + e * j / d;
            return relu ? Math.Max(0, value) : value;
        }

        var moments = new FeatureMoments(d);
        moments.Add(Matrix<double>.Build.Dense(n, d, At));
        return moments;
    }
}
