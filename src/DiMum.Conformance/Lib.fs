/// The library's names. Many are the specification's too, so laws say Lib.Adam where they mean the one under test.
module DiMum.Conformance.Lib

type UserError = global.DiMum.UserError
type Nearest = global.DiMum.Nearest

type Seed = global.DiMum.Diffusion.Seed
type NoiseSchedule = global.DiMum.Diffusion.NoiseSchedule
type ForwardProcess = global.DiMum.Diffusion.ForwardProcess
type Guidance = global.DiMum.Diffusion.Guidance
type Condition = global.DiMum.Diffusion.Condition
type IDenoiser = global.DiMum.Diffusion.IDenoiser
type NoisedBatch = global.DiMum.Diffusion.NoisedBatch
type EpsilonLoss = global.DiMum.Diffusion.EpsilonLoss
type LossReduction = global.DiMum.Diffusion.LossReduction
type Timesteps = global.DiMum.Diffusion.Timesteps
type TimestepDraw = global.DiMum.Diffusion.TimestepDraw
type Sampler = global.DiMum.Diffusion.Samplers.Sampler
type Ddim = global.DiMum.Diffusion.Samplers.Ddim
type Ancestral = global.DiMum.Diffusion.Samplers.Ancestral
type ReverseVariance = global.DiMum.Diffusion.Samplers.ReverseVariance
type TimeSkip = global.DiMum.Diffusion.Samplers.TimeSkip
type GuidedNoise = global.DiMum.Diffusion.Samplers.GuidedNoise
type NoiseSource = global.DiMum.Diffusion.Samplers.NoiseSource
type Generation = global.DiMum.Diffusion.Samplers.Generation

type ITrainableDenoiser = global.DiMum.Nets.ITrainableDenoiser
type ParameterDeclarations = global.DiMum.Nets.ParameterDeclarations
type ParameterScope = global.DiMum.Nets.ParameterScope
type ParameterVector = global.DiMum.Nets.ParameterVector
type Init = global.DiMum.Nets.Init
type InitKind = global.DiMum.Nets.InitKind
type Conv = global.DiMum.Nets.Conv
type Norm = global.DiMum.Nets.Norm
type MlpConfig = global.DiMum.Nets.MlpConfig
type MlpDenoiser = global.DiMum.Nets.MlpDenoiser
type UNetConfig = global.DiMum.Nets.UNetConfig
type ClassConditionalUNet = global.DiMum.Nets.ClassConditionalUNet
type NullCondition = global.DiMum.Nets.NullCondition
type UNet2DConditionConfig = global.DiMum.StableDiffusion.UNet2DConditionConfig
type UNet2DConditionModel = global.DiMum.StableDiffusion.UNet2DConditionModel

type Adam = global.DiMum.Optimization.Adam
type AdamSettings = global.DiMum.Optimization.AdamSettings
type Ema = global.DiMum.Optimization.Ema
type GradientTransform = global.DiMum.Optimization.GradientTransform
type LearningRate = global.DiMum.Optimization.LearningRate

type Dataset = global.DiMum.Data.Dataset
type Pairing = global.DiMum.Data.Pairing
type GaussianMixture = global.DiMum.Data.GaussianMixture
type MixtureOptimum = global.DiMum.Data.MixtureOptimum
type ShuffledOrder = global.DiMum.Data.ShuffledOrder
type ImageWriter = global.DiMum.Data.ImageWriter
type Pixels = global.DiMum.Data.Pixels

type Balance = global.DiMum.Unlearning.Balance
type DrawSettings = global.DiMum.Unlearning.DrawSettings
type IBatchSource = global.DiMum.Unlearning.IBatchSource
type IUnlearningMethod = global.DiMum.Unlearning.IUnlearningMethod
type IUpdateRule = global.DiMum.Unlearning.IUpdateRule
type SeededBatches = global.DiMum.Unlearning.SeededBatches
type Trainer = global.DiMum.Unlearning.Trainer
type TrainerSettings = global.DiMum.Unlearning.TrainerSettings
type UnlearningContext = global.DiMum.Unlearning.UnlearningContext
type Update = global.DiMum.Unlearning.Update
type DiMumMethod = global.DiMum.Unlearning.Methods.DiMum
type RetainOnly = global.DiMum.Unlearning.Methods.RetainOnly
type GradientAscent = global.DiMum.Unlearning.Methods.GradientAscent
type SalUn = global.DiMum.Unlearning.Methods.SalUn
type EraseDiff = global.DiMum.Unlearning.Methods.EraseDiff
type EraseDiffLoop = global.DiMum.Unlearning.Methods.EraseDiffLoop
type Scissorhands = global.DiMum.Unlearning.Methods.Scissorhands
type Esd = global.DiMum.Unlearning.Methods.Esd
type EsdLatent = global.DiMum.Unlearning.Methods.EsdLatent
type FrozenWeights = global.DiMum.Unlearning.FrozenWeights
type MethodReading = global.DiMum.Unlearning.MethodReading
type ParameterSelection = global.DiMum.Unlearning.ParameterSelection
type Loader = global.DiMum.Unlearning.Loader
type GemProjection = global.DiMum.Optimization.GemProjection
type SfrOn = global.DiMum.Unlearning.Methods.SfrOn
type DiMRA = global.DiMum.Attacks.DiMRA

type AccuracyRate = global.DiMum.Metrics.AccuracyRate
type ClassifierConfig = global.DiMum.Metrics.ClassifierConfig
type ClassifierTraining = global.DiMum.Metrics.ClassifierTraining
type ClassifierTrainingSettings = global.DiMum.Metrics.ClassifierTrainingSettings
type FeatureMoments = global.DiMum.Metrics.FeatureMoments
type Frechet = global.DiMum.Metrics.Frechet
type ImageClassifier = global.DiMum.Metrics.ImageClassifier
type InceptionScore = global.DiMum.Metrics.InceptionScore
type KernelDistance = global.DiMum.Metrics.KernelDistance
type Manifold = global.DiMum.Metrics.Manifold
type Measured = global.DiMum.Metrics.Measured
type ISetMetric = global.DiMum.Metrics.ISetMetric
type FrechetMetric = global.DiMum.Metrics.FrechetMetric
type KernelMetric = global.DiMum.Metrics.KernelMetric
type BiasedKernelMetric = global.DiMum.Metrics.BiasedKernelMetric
type PrecisionMetric = global.DiMum.Metrics.PrecisionMetric
type RecallMetric = global.DiMum.Metrics.RecallMetric
type InceptionScoreMetric = global.DiMum.Metrics.InceptionScoreMetric
type ClassShareMetric = global.DiMum.Metrics.ClassShareMetric

type ModelFile = global.DiMum.Checkpoints.ModelFile
type Safetensors = global.DiMum.Checkpoints.Safetensors

type Experiment = global.DiMum.Runs.Experiment
type MethodRegistry = global.DiMum.Runs.MethodRegistry
type MethodSettings = global.DiMum.Runs.MethodSettings
type Presets = global.DiMum.Runs.Presets
type StageFolder = global.DiMum.Runs.StageFolder
type YamlRecord = global.DiMum.Runs.YamlRecord
type SilentObserver = global.DiMum.Runs.SilentObserver
type IRunObserver = global.DiMum.Runs.IRunObserver
