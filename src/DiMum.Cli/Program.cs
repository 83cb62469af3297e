using DiMum.Cli;

DiMum.NativeHeap.Keep();
return Commands.Invoke(args);
