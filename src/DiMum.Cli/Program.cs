using DiMum.Cli;

NativeSettings.Ensure(args);
DiMum.NativeHeap.Keep();
return Commands.Invoke(args);
