/// Between the specification's arrays and the library's tensors.
module DiMum.Conformance.Tensors

open DiMum.Spec
open TorchSharp

type Tensor = torch.Tensor

let float32 = torch.ScalarType.Float32
let float64 = torch.ScalarType.Float64

let scalar (value: float) : Scalar = value.ToScalar()

let wholeScalar (value: int) : Scalar = value.ToScalar()

/// A float64 tensor of the given shape.
let shaped (shape: int64[]) (values: float[]) : Tensor = torch.tensor(values, dtype = float64).reshape(shape)

/// A float64 vector.
let vector (values: float[]) = shaped [| int64 values.Length |] values

/// An int64 vector.
let integers (values: int[]) : Tensor = torch.tensor (Array.map int64 values, dtype = torch.ScalarType.Int64)

/// All elements, row by row.
let floats (tensor: Tensor) : float[] =
    use scope = torch.NewDisposeScope()
    tensor.detach().to_type(float64).contiguous().data<float>().ToArray()

/// One number.
let number (tensor: Tensor) = Array.exactlyOne (floats tensor)

let wholes (tensor: Tensor) : int[] =
    use scope = torch.NewDisposeScope()
    tensor.to_type(torch.ScalarType.Int64).contiguous().data<int64>().ToArray() |> Array.map int

/// The bytes of all elements.
let bits (tensor: Tensor) : byte[] =
    use scope = torch.NewDisposeScope()
    tensor.detach().contiguous().bytes.ToArray()

/// Tensors alive that this thread made.
let alive () = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount

/// Fails when `work` leaves a tensor behind or disposes of one that was there before.
let leavesNothing what (work: unit -> unit) =
    let before = alive ()
    work ()
    let left = alive () - before

    if left <> 0L then
        failwith $"{what}: {left} tensors left"

/// Draws as the library's batch: images [B,1,1,pixels], float64.
let batch (draws: Loss.Draw<int>[]) =
    let images (part: Loss.Draw<int> -> float[]) =
        draws |> Array.collect part |> shaped [| int64 draws.Length; 1L; 1L; int64 draws[0].Image.Length |]

    new Lib.NoisedBatch(
        images _.Image,
        Lib.Condition(integers (draws |> Array.map _.Condition)),
        integers (draws |> Array.map _.Time),
        images _.Noise
    )
