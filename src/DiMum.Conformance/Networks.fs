namespace DiMum.Conformance

open System
open TorchSharp
open Tensors

/// A network as the laws take it, as small as it can be.
type NetworkCase =
    {
        Name: string
        /// In float64, its weights drawn from the seed.
        Make: Func<int64, Lib.ITrainableDenoiser>
        /// C and H = W of its images.
        Channels: int
        Size: int
        /// (seed, B) ↦ B conditions.
        Conditions: Func<int64, int, Tensor>
    }

/// One record per network.
module Networks =
    let private generator (seed: int64) = (Lib.Seed seed).At("laws").Generator()

    let private classes = Func<int64, int, Tensor>(fun seed count -> integers (Array.init count (fun i -> (int seed + i) % Toy.classes)))

    let private unet name attention dropout nothing =
        let config =
            Lib.UNetConfig(
                Classes = Toy.classes,
                ImageSize = 8,
                ImageChannels = 1,
                Channels = 8,
                Multipliers = [| 1; 2 |],
                ResBlocks = 1,
                AttentionResolutions = attention,
                Dropout = dropout,
                NormGroups = 4,
                Null = nothing
            )

        { Name = name
          Make =
            Func<_, _>(fun seed ->
                use drawn = generator seed
                new Lib.ClassConditionalUNet(config, torch.CPU, drawn, float64))
          Channels = 1
          Size = 8
          Conditions = classes }

    let private mlp =
        let config = Lib.MlpConfig(Classes = Toy.classes, Dimensions = 2, Width = 8, Blocks = 2)

        { Name = "mlp"
          Make =
            Func<_, _>(fun seed ->
                use drawn = generator seed
                new Lib.MlpDenoiser(config, torch.CPU, drawn, float64))
          Channels = 2
          Size = 1
          Conditions = classes }

    /// The empty prompt's embedding; networks do not own it.
    let private nothing = lazy ((torch.linspace (-1.0, 1.0, 30L, dtype = float64)).view(5L, 6L).DetachFromDisposeScope())

    let private conditional seed =
        let config =
            Lib.UNet2DConditionConfig(
                InChannels = 4,
                OutChannels = 4,
                BlockOutChannels = [| 8; 16 |],
                LayersPerBlock = 1,
                CrossAttentionDim = 6,
                Heads = 2,
                NormGroups = 4
            )

        use drawn = generator seed
        new Lib.UNet2DConditionModel(config, torch.CPU, drawn, float64)

    let private stableDiffusion =
        { Name = "Stable Diffusion U-Net"
          Make =
            Func<_, _>(fun seed ->
                let network = conditional seed
                network.NullContext <- nothing.Value
                network)
          Channels = 4
          Size = 8
          Conditions =
            Func<_, _, _>(fun seed count ->
                use drawn = generator (seed + 1L)
                torch.randn ([| int64 count; 5L; 6L |], dtype = float64, generator = drawn)) }

    /// Three prompts through a tiny text encoder, kept like ∅ for as long as the program.
    let private prompts =
        lazy
            (use drawn = generator 1L
             let config = Lib.ClipTextConfig(VocabularySize = 514, Width = 6, Heads = 2, Layers = 1, HiddenWidth = 8)
             use encoder = new Lib.ClipTextEncoder(config, torch.CPU, drawn)
             Lib.PromptTable.Encode(Lib.ClipTokenizer(Seq.empty), encoder, [| "a"; "b"; "c" |]))

    let private prompted =
        { Name = "Stable Diffusion U-Net under prompts"
          Make = Func<_, _>(fun seed -> new Lib.TextConditionedDenoiser(conditional seed, prompts.Value))
          Channels = 4
          Size = 8
          Conditions = classes }

    let private toy =
        { Name = "toy"
          Make = Func<_, _>(fun seed -> new ToyDenoiser(Array.init Toy.parameters (fun i -> cos (float seed + float i))))
          Channels = 1
          Size = 2
          Conditions = classes }

    let all =
        [ unet "class-conditional U-Net" [| 4 |] 0.1 Lib.NullCondition.Learned
          unet "class-conditional U-Net, no attention, ∅ = 0" [||] 0.0 Lib.NullCondition.Zero
          mlp
          stableDiffusion
          prompted
          toy ]
