/// Safetensors files: what is written is read, and what is not one is refused.
module DiMum.Properties.CheckpointLaws

open System
open System.Collections.Generic
open System.IO
open System.Text
open NUnit.Framework
open FsCheck
open TorchSharp
open Tensors

let private dtypes =
    [ torch.ScalarType.Float64
      torch.ScalarType.Float32
      torch.ScalarType.Float16
      torch.ScalarType.BFloat16
      torch.ScalarType.Int64
      torch.ScalarType.Int32
      torch.ScalarType.Int16
      torch.ScalarType.Int8
      torch.ScalarType.Byte
      torch.ScalarType.Bool ]

let private shapes: int64[] list = [ [||]; [| 0L |]; [| 1L |]; [| 3L; 0L; 2L |]; [| 5L |]; [| 2L; 3L |]; [| 2L; 1L; 3L; 2L |] ]

/// Any bits: NaNs, infinities and denormals come too.
let private filled (random: Random) (shape: int64[]) (dtype: torch.ScalarType) =
    let tensor: Tensor = torch.empty (shape, dtype = dtype)

    if tensor.numel () > 0L then
        let bytes = Array.zeroCreate<byte>(int (tensor.numel () * tensor.element_size ()))
        random.NextBytes bytes

        if dtype = torch.ScalarType.Bool then
            bytes.AsSpan().CopyTo tensor.bytes

            for i in 0 .. bytes.Length - 1 do
                bytes[i] <- bytes[i] &&& 1uy

        bytes.AsSpan().CopyTo tensor.bytes

    tensor

let private write path (tensors: (string * Tensor) list) metadata =
    Lib.Safetensors.Write(path, dict tensors |> Dictionary, dict metadata |> Dictionary)

let private content (tensors: IEnumerable<KeyValuePair<string, Tensor>>) =
    [ for pair in tensors do
          let data = if pair.Value.numel () = 0L then [||] else bits pair.Value
          pair.Key, pair.Value.dtype, List.ofArray pair.Value.shape, data ]
    |> List.sortBy (fun (name, _, _, _) -> name)

let private read path =
    let struct (tensors, metadata) = Lib.Safetensors.Read path

    try
        content tensors, [ for pair in metadata -> pair.Key, pair.Value ] |> List.sort
    finally
        for tensor in tensors.Values do
            tensor.Dispose()

let private some (seed: int) =
    let random = Random seed

    let tensors =
        [ for k in 1 .. random.Next 6 do
              let shape = shapes[random.Next shapes.Length]
              $"t{k} \"é\" {random.Next 100}", filled random shape dtypes[random.Next dtypes.Length] ]

    tensors, [ for k in 1 .. random.Next 3 -> $"key{k}", $"value\n\"{random.Next 100}\"" ]

let private listed (tensors: (string * Tensor) list) = content (tensors |> List.map KeyValuePair.Create<string, Tensor>)

[<Test; Category "L43">]
let ``every dtype in every shape, scalars and empty ones included, is read as it was written`` () =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let random = Random 1
        let path = Path.Combine(folder, "all.safetensors")

        let tensors =
            [ for dtype in dtypes do
                  for shape in shapes -> $"{dtype} {shape.Length} {Seq.sum shape}", filled random shape dtype ]

        write path tensors []
        Expect.equal (listed tensors, []) (read path))

[<Law("L43", 40)>]
let ``safetensors are read as they were written`` (seed: int) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let tensors, metadata = some seed
        let path = Path.Combine(folder, "some.safetensors")
        write path tensors metadata
        Expect.equal (listed tensors, List.sort metadata) (read path))

[<Law("L43", 20)>]
let ``a view is written as what it shows, not as what it lies on`` (seed: int) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let whole = filled (Random seed) [| 3L; 4L |] float32
        let path = Path.Combine(folder, "view.safetensors")
        let views = [ "row", whole[1L]; "column", whole.narrow (1L, 2L, 1L); "turned", whole.t () ]
        write path views []
        Expect.equal (listed (views |> List.map (fun (name, view) -> name, view.contiguous ()))) (fst (read path)))

[<Law("L43", 20)>]
let ``overwriting by a shorter file leaves no tail, and no temporary file`` (a: int) (b: int) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let path, fresh = Path.Combine(folder, "x.safetensors"), Path.Combine(folder, "y.safetensors")
        let long, _ = some a
        write path (long @ [ "long", filled (Random a) [| 300L |] float64 ]) []
        let short, metadata = some b
        write path short metadata
        write fresh short metadata
        Expect.equal (File.ReadAllBytes fresh) (File.ReadAllBytes path)
        Expect.equal 2 (Directory.GetFiles folder).Length)

[<Law("L43", 30)>]
let ``a truncated file is refused by one clear line that names it, and leaves no tensor`` (seed: int) (cut: PositiveInt) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let path = Path.Combine(folder, "cut.safetensors")
        write path [ "a", filled (Random seed) [| 3L |] float32; "b", filled (Random seed) [| 5L |] float64 ] []
        let bytes = File.ReadAllBytes path
        File.WriteAllBytes(path, bytes[.. bytes.Length - 1 - (cut.Get - 1) % bytes.Length - 1])

        leavesNothing "reading a truncated file" (fun () ->
            let message = World.mistake "a truncated file" (fun () -> read path |> ignore)
            Expect.holds message (message.Contains path && not (message.Contains '\n'))))

[<Law("L43", 60)>]
let ``a file with a damaged header is read or refused, never anything else`` (seed: int) (place: PositiveInt) (value: byte) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        let path = Path.Combine(folder, "damaged.safetensors")
        write path [ "a", filled (Random seed) [| 3L; 2L |] float32; "b", filled (Random seed) [||] float64 ] [ "k", "v" ]
        let bytes = File.ReadAllBytes path
        let header = int (BitConverter.ToInt64(bytes, 0))
        bytes[place.Get % (8 + header)] <- value
        File.WriteAllBytes(path, bytes)

        leavesNothing "reading a damaged file" (fun () ->
            try
                read path |> ignore
            with :? Lib.UserError ->
                ()))

let private file (header: string) (data: byte[]) =
    let text = Encoding.UTF8.GetBytes header
    Array.concat [ BitConverter.GetBytes(int64 text.Length); text; data ]

let private eight = Array.zeroCreate<byte> 8
let private tensor body = file $"{{\"x\":{{{body}}}}}" eight

let private hostile =
    [ "nothing", [||]
      "seven bytes", Array.zeroCreate 7
      "a header longer than any memory", BitConverter.GetBytes Int64.MaxValue
      "a negative header", BitConverter.GetBytes -5L
      "no JSON", file "{{{{" [||]
      "a JSON list", file "[1,2]" [||]
      "a JSON null", file "null" [||]
      "an entry that is a number", file "{\"x\":1}" [||]
      "an entry that is a list", file "{\"x\":[]}" [||]
      "no dtype", tensor "\"shape\":[2],\"data_offsets\":[0,8]"
      "an unknown dtype", tensor "\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]"
      "a dtype that is a number", tensor "\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,8]"
      "no shape", tensor "\"dtype\":\"F32\",\"data_offsets\":[0,8]"
      "a shape of strings", tensor "\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]"
      "a fractional shape", tensor "\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]"
      "a negative shape", tensor "\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]"
      "a shape beyond 64 bits", tensor "\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]"
      "a shape whose product overflows", tensor "\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,8]"
      "an empty shape of endless sides",
      tensor "\"dtype\":\"F32\",\"shape\":[0,9223372036854775807,9223372036854775807],\"data_offsets\":[0,0]"
      "no offsets", tensor "\"dtype\":\"F32\",\"shape\":[2]"
      "one offset", tensor "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]"
      "three offsets", tensor "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]"
      "offsets backwards", tensor "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"
      "a negative offset", tensor "\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-8,8]"
      "an offset beyond the file", tensor "\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]"
      "a place of another size", tensor "\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]"
      "data that no tensor owns", file "{}" eight
      "a gap before the first tensor", tensor "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]"
      "two tensors on one place",
      file
          "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
          eight
      "one name twice",
      file
          "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}"
          eight
      "metadata that is no object", file "{\"__metadata__\":3}" [||]
      "metadata that is no text", file "{\"__metadata__\":{\"a\":3}}" [||] ]

[<Test; Category "L43">]
let ``a hostile file is refused by a user error and leaves no tensor`` () =
    World.inFolder (fun folder ->
        let path = Path.Combine(folder, "hostile.safetensors")

        let wrong =
            [ for what, bytes in hostile do
                  File.WriteAllBytes(path, bytes)

                  try
                      leavesNothing what (fun () -> World.mistake what (fun () -> read path |> ignore) |> ignore)
                  with error ->
                      error.Message ]

        Expect.equal [] wrong)

[<Law("L43", 3)>]
let ``a model file gives the weights back, and their average on request`` (seed: PositiveInt) =
    World.inFolder (fun folder ->
        use scope = torch.NewDisposeScope()
        use model = World.unet 0.1 (int64 seed.Get)
        use other = World.unet 0.1 (int64 seed.Get + 1L)
        let path = Path.Combine(folder, "model.safetensors")
        let ema = model.Parameters.Values * (scalar 2.0)
        Lib.ModelFile.Write(path, model.Parameters, ema, dict [ "format", "x" ] |> Dictionary)

        for average, expected in [ false, model.Parameters.Values; true, ema ] do
            leavesNothing "reading a model" (fun () ->
                let metadata = Lib.ModelFile.Read(path, other.Parameters, average)
                Expect.equal "x" metadata["format"])

            Expect.holds "other weights" (bits expected = bits other.Parameters.Values)

        use toy = new ToyDenoiser(Array.zeroCreate Toy.parameters)
        let message = World.mistake "another network" (fun () -> Lib.ModelFile.Read(path, toy.Parameters) |> ignore)
        Expect.holds message (message.Contains "'shared'"))
