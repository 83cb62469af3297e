using MathNet.Numerics.LinearAlgebra;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Activations that a file gives by rule.</summary>
internal static class ActivationRule
{
    /// <summary>A[i,j] = a·X[i,j] + b·X[i,(j+1) mod d] + c + e·j/d with X by the rule, in float64; max(0, ·) where «relu»: [n,d].</summary>
    public static Matrix<double> Rows(GoldenNode input)
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

        return Matrix<double>.Build.Dense(n, d, At);
    }

    /// <summary>The same as a tensor, float64 [n,d].</summary>
    public static Tensor Tensor(GoldenNode input)
    {
        var rows = Rows(input);
        return tensor(rows.ToRowMajorArray(), [rows.RowCount, rows.ColumnCount]);
    }
}
