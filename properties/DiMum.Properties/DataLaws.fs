/// Pairings, orders and batches of the library.
module DiMum.Properties.DataLaws

open System
open System.Collections.Generic
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

/// Image i holds its own number, high byte and low byte.
let private dataset (labels: int list) =
    use scope = torch.NewDisposeScope()
    let numbered = labels |> List.indexed |> List.collect (fun (i, _) -> [ i / 256; i % 256 ]) |> Array.ofList
    let images = (integers numbered).to_type(torch.ScalarType.Byte).reshape(int64 labels.Length, 1L, 1L, 2L)
    new Lib.Dataset("numbered", images, integers (Array.ofList labels), Array.init 10 string)

let private numbers (images: Tensor) =
    floats images
    |> Array.chunkBySize 2
    |> Array.map (fun pair -> 256 * int pair[0] + int pair[1])
    |> List.ofArray

let private only (labels: int list) = HashSet labels :> IReadOnlySet<int>

let private places (pairing: Lib.Pairing) = pairing.ImageIndex |> Seq.map int |> List.ofSeq

let private pairs struct (images: Tensor, conditions: Tensor) = List.zip (numbers images) (List.ofArray (wholes conditions))

/// Images and conditions of the first `steps` batches.
let private read (pairing: Lib.Pairing) (seed: int64) size steps =
    use scope = torch.NewDisposeScope()
    let reader = pairing.Read(Lib.Seed seed)

    [ for step in 0 .. steps - 1 do
          yield! pairs (reader.Batch(int64 step, size)) ]

let private all (set: LabelledSet) (data: Lib.Dataset) =
    let unlearned = only [ set.Forgotten ]

    [ Lib.Pairing.Train data
      Lib.Pairing.Forget(data, unlearned)
      Lib.Pairing.Retain(data, unlearned)
      Lib.Pairing.Auxiliary(data, unlearned)
      Lib.Pairing.Memorization(data, unlearned, only [ Pairing.nextClass 10 set.Forgotten ]) ]

[<Law("L19", 50)>]
let ``the library's forget and retain set are the specification's: disjoint, and together the data`` (set: LabelledSet) =
    use data = dataset set.Labels
    let unlearned = only [ set.Forgotten ]
    let forget, retain = places (Lib.Pairing.Forget(data, unlearned)), places (Lib.Pairing.Retain(data, unlearned))
    Expect.equal (Pairing.forget set.IsForgotten set.Pairs |> List.map fst) forget
    Expect.equal (Pairing.retain set.IsForgotten set.Pairs |> List.map fst) retain
    Expect.equal Set.empty (Set.intersect (Set forget) (Set retain))
    Expect.equal (Set [ 0 .. set.Labels.Length - 1 ]) (Set.union (Set forget) (Set retain))
    Expect.equal [ 0 .. set.Labels.Length - 1 ] (places (Lib.Pairing.Train data))

[<Law("L20", 50)>]
let ``the attacker's set in the library never holds the unlearned class, whatever it is made from``
    (train: LabelledSet)
    (test: LabelledSet)
    =
    use trainData = dataset train.Labels
    use testData = dataset test.Labels

    for data, assumption in [ trainData, Pairing.RetainSet; testData, Pairing.OtherData ] do
        let held = Lib.Pairing.Auxiliary(data, only [ train.Forgotten ])

        Expect.equal (Pairing.auxiliary assumption train.IsForgotten train.Pairs test.Pairs |> List.map fst) (places held)

        for _, condition in read held 1L 4 3 do
            Expect.holds "the unlearned condition is held" (condition <> train.Forgotten)

[<Law("L18", 50)>]
let ``an epoch of the memorization set is every alternative image once, under conditions of the forget set``
    (set: LabelledSet)
    (seed: PositiveInt)
    =
    use data = dataset set.Labels
    let next = Pairing.nextClass 10 set.Forgotten
    let pairing = Lib.Pairing.Memorization(data, only [ set.Forgotten ], only [ next ])

    let expected =
        Pairing.memorization
            (fun unlearned own -> own = Pairing.nextClass 10 unlearned)
            (Pairing.retain set.IsForgotten set.Pairs)
            (Pairing.forget set.IsForgotten set.Pairs)

    read pairing (int64 seed.Get) 1 pairing.Count |> List.sort |> Expect.equal (List.sort expected)

[<Law("L18", 20)>]
let ``the memorization set takes its conditions as often as the forget set has them``
    (seed: PositiveInt)
    (a: PositiveInt)
    (b: PositiveInt)
    (size: PositiveInt)
    =
    let a, b = a.Get % 9 + 1, b.Get % 9 + 1
    use data = dataset (List.replicate a 0 @ List.replicate b 1 @ [ 2; 2; 2; 3 ])
    let pairing = Lib.Pairing.Memorization(data, only [ 0; 1 ], only [ 2; 3 ])
    let size = size.Get % 5 + 1

    read pairing (int64 seed.Get) size ((a + b + size - 1) / size)
    |> List.truncate (a + b)
    |> List.countBy snd
    |> List.sort
    |> Expect.equal [ 0, a; 1, b ]

[<Test; Category "L18">]
let ``an alternative that is itself unlearned is refused`` () =
    use data = dataset [ 0; 1; 2 ]

    World.mistake "alternative" (fun () -> Lib.Pairing.Memorization(data, only [ 0; 1 ], only [ 1; 2 ]) |> ignore)
    |> ignore

    World.mistake "empty" (fun () -> Lib.Pairing.Forget(data, only [ 7 ]) |> ignore) |> ignore

[<Law("L21", 30)>]
let ``after as many steps as an epoch has batches every image has been drawn, and no image twice before``
    (set: LabelledSet)
    (size: PositiveInt)
    =
    use data = dataset set.Labels
    let size = size.Get % 7 + 1

    for pairing in all set data do
        let steps = (pairing.Count + size - 1) / size
        let drawn = read pairing 5L size steps |> List.map fst
        Expect.equal (Set(places pairing)) (Set drawn)
        Expect.equal pairing.Count (drawn |> List.truncate pairing.Count |> List.distinct |> List.length)

[<Law("L21", 30)>]
let ``a pass is an epoch: the same images in the same order, the last batch smaller`` (set: LabelledSet) (size: PositiveInt) =
    use data = dataset set.Labels
    let size = size.Get % 7 + 1

    for pairing in all set data do
        use scope = torch.NewDisposeScope()

        let batches = [ for batch in pairing.Read(Lib.Seed 5L).Pass size -> pairs batch ]

        Expect.holds "a batch of another size" (batches |> List.forall (fun batch -> batch.Length <= size))
        Expect.equal (read pairing 5L 1 pairing.Count) (List.concat batches)

[<Law("L22", 30)>]
let ``what a step reads depends on the seed and the step, not on what was read before or in which portions``
    (set: LabelledSet)
    (seed: PositiveInt)
    (step: PositiveInt)
    =
    use data = dataset set.Labels
    let seed = int64 seed.Get
    let size, step = 3, step.Get % 20

    for pairing in all set data do
        use scope = torch.NewDisposeScope()
        let reader = pairing.Read(Lib.Seed seed)
        let at (step: int) size = pairs (reader.Batch(int64 step, size))
        let later = at step size
        let first = at 0 size
        Expect.equal later (at step size)
        Expect.equal later (pairs (pairing.Read(Lib.Seed seed).Batch(int64 step, size)))
        Expect.equal (read pairing seed 1 3) first
        Expect.equal (read pairing seed size 4) (at 0 (4 * size))

[<Law("L22", 20)>]
let ``another seed gives another order`` (seed: PositiveInt) =
    use data = dataset (List.replicate 40 1)
    let order seed = read (Lib.Pairing.Train data) seed 40 1
    Expect.holds "the same order" (order (int64 seed.Get) <> order (int64 seed.Get + 1L))

let private parts (batch: Lib.NoisedBatch) =
    let keep =
        match batch.Condition.Keep with
        | null -> [||]
        | keep -> bits keep

    [ bits batch.Clean; bits batch.Condition.Value; keep; bits batch.Time; bits batch.Noise ]

[<Law("L22", 10)>]
let ``a batch depends on seed, pairing and step alone, so two methods see the same, in any order`` (seed: PositiveInt) =
    use data = World.data 1L
    let seed = int64 seed.Get
    let forget, retain = Lib.Pairing.Forget(data, World.unlearned), Lib.Pairing.Retain(data, World.unlearned)

    let draw asked =
        use scope = torch.NewDisposeScope()
        let source = World.batches seed :> Lib.IBatchSource
        asked |> List.map (fun (pairing, step) -> parts (source.Next(pairing, step)))

    let asked = [ forget, 0; retain, 0; retain, 1; forget, 3 ]
    Expect.equal (List.rev (draw (List.rev asked))) (draw asked)
    Expect.equal (draw [ retain, 1 ]) [ (draw asked)[2] ]
    Expect.equal (draw [ Lib.Pairing.Retain(data, World.unlearned), 1 ]) [ (draw asked)[2] ]

[<Law("L31", 20)>]
let ``mirroring the images mirrors the batches, and mirroring twice is nothing`` (seed: PositiveInt) (flip: bool) =
    use scope = torch.NewDisposeScope()
    use data = World.data 1L
    use mirrored = new Lib.Dataset("mirrored", data.Images.flip -1L, data.Labels.clone (), data.ClassNames)
    let settings = Lib.DrawSettings(BatchSize = 5, Flip = flip)

    let next data =
        let source = Lib.SeededBatches(World.schedule, settings, Lib.Seed(int64 seed.Get), torch.CPU) :> Lib.IBatchSource
        source.Next(Lib.Pairing.Train data, 2)

    let here, there = next data, next mirrored
    Expect.equal (bits (here.Clean.flip -1L)) (bits there.Clean)
    Expect.equal (List.tail (parts here)) (List.tail (parts there))
    let some = torch.arange(5L).remainder(wholeScalar 2).eq(wholeScalar 1)
    let once = Lib.Pixels.FlipWhere(here.Clean, some)
    Expect.equal (bits here.Clean) (bits (Lib.Pixels.FlipWhere(once, some)))
    Expect.equal (bits (here.Clean[0])) (bits (once[0]))
    Expect.equal (bits (here.Clean[1].flip -1L)) (bits (once[1]))

[<Test; Category "L31">]
let ``with flipping, every image of a batch is itself or its mirror`` () =
    use scope = torch.NewDisposeScope()
    use data = World.data 1L
    let pairing = Lib.Pairing.Train data
    let plain = pairing.Read((Lib.Seed 9L).At "batches")
    let source = World.batches 9L :> Lib.IBatchSource

    for step in 0..3 do
        let struct (bytes, _) = plain.Batch(int64 step, 5)
        let straight = Lib.Pixels.ToModel bytes
        let drawn = (source.Next(pairing, step)).Clean

        for i in 0L .. 4L do
            let image = bits drawn[i]
            Expect.holds "another image" (image = bits straight[i] || image = bits (straight[i].flip -1L))

[<Test; Category "L47">]
let ``a batch belongs to the scope it is drawn in, whatever scopes lie around it`` () =
    use data = World.data 1L
    let memorization = Lib.Pairing.Memorization(data, World.unlearned, World.alternative)
    let source = World.batches 1L :> Lib.IBatchSource

    for pairing in [ Lib.Pairing.Train data; memorization ] do
        leavesNothing $"a batch of {pairing.Name} in one scope" (fun () ->
            use scope = torch.NewDisposeScope()
            source.Next(pairing, 0) |> ignore)

        use outer = torch.NewDisposeScope()

        leavesNothing $"a batch of {pairing.Name} in an inner scope" (fun () ->
            use scope = torch.NewDisposeScope()
            let batch = source.Next(pairing, 0)
            source.Redrop(batch.Condition, "again", 0) |> ignore)

[<Test; Category "L47">]
let ``a pass whose batches are disposed of leaves nothing`` () =
    use data = World.data 1L
    let source = World.batches 1L :> Lib.IBatchSource
    let memorization = Lib.Pairing.Memorization(data, World.unlearned, World.alternative)

    for pairing in [ Lib.Pairing.Train data; memorization ] do
        leavesNothing $"a pass over {pairing.Name}" (fun () ->
            for batch in source.Pass pairing do
                batch.Dispose())

[<Test; Category "L47">]
let ``a data set keeps its tensors from any scope and gives them back when disposed of`` () =
    leavesNothing "a data set" (fun () ->
        use data = World.data 1L
        use scope = torch.NewDisposeScope()
        use some = data.Take("some", [| 0L; 5L |])
        use none = data.Where("label 1", (fun label -> label = 1))
        Expect.equal [| 0L; 2L |] (some.LabelArray())
        Expect.equal 8L none.Count)
