/// The Fréchet distance between Gaussians fitted to two sets of features (FID, sFID).
module DiMum.Spec.Frechet

open MathNet.Numerics.LinearAlgebra

type Moments =
    { Mean: float[] // [d]
      Covariance: float[,] } // [d,d]

/// μ = (1/n) Σ xᵢ,  Σ = 1/(n−1) · Σ (xᵢ−μ)(xᵢ−μ)ᵀ
let moments (features: float[][]) = // [n,d]
    let n, d = float features.Length, features[0].Length
    let mean = Array.init d (fun j -> features |> Array.averageBy (fun x -> x[j]))

    { Mean = mean
      Covariance = Array2D.init d d (fun i j -> (features |> Array.sumBy (fun x -> (x[i] - mean[i]) * (x[j] - mean[j]))) / (n - 1.0)) }

/// (S + Sᵀ)/2 = V diag(λ) Vᵀ; rounding may leave a tiny negative λ, which counts as zero
let private eigen (matrix: Matrix<float>) =
    let evd = ((matrix + matrix.Transpose()) / 2.0).Evd Symmetricity.Symmetric
    evd.EigenVectors, evd.EigenValues |> Seq.map (fun lambda -> max 0.0 lambda.Real) |> Array.ofSeq

/// d² = ‖μ_a − μ_b‖² + tr Σ_a + tr Σ_b − 2 tr √(√Σ_a Σ_b √Σ_a)
let distance (a: Moments) (b: Moments) =
    let sigmaA, sigmaB = Matrix.Build.DenseOfArray a.Covariance, Matrix.Build.DenseOfArray b.Covariance
    let vectors, values = eigen sigmaA
    let rootA = vectors * Matrix.Build.DenseOfDiagonalArray(Array.map sqrt values) * vectors.Transpose()
    let _, crossed = eigen (rootA * sigmaB * rootA)
    let shift = Vector.subtract a.Mean b.Mean
    Vector.dot shift shift + sigmaA.Trace() + sigmaB.Trace() - 2.0 * Array.sumBy sqrt crossed
