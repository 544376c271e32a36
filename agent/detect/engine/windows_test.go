package engine

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// What a host with Windows starts all day: program, command line, program and command
// line of the parent, user, directory, and the original name of the program.
var onWindows = [][7]string{
	{`C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k netsvcs -p -s wlidsvc`, `C:\Windows\System32\services.exe`, `C:\WINDOWS\system32\services.exe`, `NT AUTHORITY\SYSTEM`, `C:\WINDOWS\system32\`, `svchost.exe`},
	{`C:\Windows\System32\conhost.exe`, `\??\C:\WINDOWS\system32\conhost.exe 0xffffffff -ForceV1`, `C:\Windows\System32\cmd.exe`, `C:\WINDOWS\system32\cmd.exe /c build.cmd`, `ACME\ann`, `C:\WINDOWS\system32\`, `CONHOST.EXE`},
	{`C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --display-capture-permissions-policy-allowed --lang=de --device-scale-factor=1.25 --num-raster-threads=4 --enable-main-frame-before-activation --renderer-client-id=71 --time-ticks-at-unix-epoch=-1795460000 --launch-time-ticks=8612345678 --metrics-shmem-handle=5208,i,1724,2097152 --field-trial-handle=1980,i,1302,262144 --variations-seed-version --mojo-platform-channel-handle=5300 /prefetch:1`, `C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe"`, `ACME\ann`, `C:\Program Files\Google\Chrome\Application\144.0.1\`, `chrome.exe`},
	{`C:\Windows\System32\taskhostw.exe`, `taskhostw.exe Install $(Arg0)`, `C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k netsvcs -p -s Schedule`, `NT AUTHORITY\SYSTEM`, `C:\WINDOWS\system32\`, `taskhostw.exe`},
	{`C:\Windows\System32\backgroundTaskHost.exe`, `"C:\WINDOWS\system32\backgroundTaskHost.exe" -ServerName:CortanaUI.AppXy7vb4pc2dr3kc93kfc509b1d0arkfb2x.mca`, `C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k DcomLaunch -p`, `ACME\ann`, `C:\WINDOWS\system32\`, `backgroundTaskHost.exe`},
	{`C:\Program Files\Git\cmd\git.exe`, `git.exe -c core.quotepath=false --no-pager log --format=%H%x00%an -n 256 origin/main..HEAD --`, `C:\Users\ann\AppData\Local\Programs\Microsoft VS Code\Code.exe`, `"C:\Users\ann\AppData\Local\Programs\Microsoft VS Code\Code.exe" --type=utility --utility-sub-type=node.mojom.NodeService`, `ACME\ann`, `C:\src\shop\`, `git.exe`},
	{`C:\Program Files (x86)\Microsoft\EdgeUpdate\MicrosoftEdgeUpdate.exe`, `"C:\Program Files (x86)\Microsoft\EdgeUpdate\MicrosoftEdgeUpdate.exe" /ua /installsource scheduler`, `C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k netsvcs -p -s Schedule`, `NT AUTHORITY\SYSTEM`, `C:\WINDOWS\system32\`, `msedgeupdate.dll`},
	{`C:\Windows\System32\wbem\WmiPrvSE.exe`, `C:\WINDOWS\system32\wbem\wmiprvse.exe -secured -Embedding`, `C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k DcomLaunch -p`, `NT AUTHORITY\NETWORK SERVICE`, `C:\WINDOWS\system32\`, `Wmiprvse.exe`},
	{`C:\Windows\System32\cmd.exe`, `C:\WINDOWS\system32\cmd.exe /d /s /c "npm run build"`, `C:\Program Files\nodejs\node.exe`, `"C:\Program Files\nodejs\node.exe" C:\src\shop\node_modules\.bin\lerna run build --scope cart`, `ACME\ann`, `C:\src\shop\`, `Cmd.Exe`},
	{`C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE`, `"C:\Program Files\Microsoft Office\Root\Office16\EXCEL.EXE" "C:\Users\ann\Documents\Budget 2026.xlsx"`, `C:\Windows\explorer.exe`, `C:\WINDOWS\Explorer.EXE`, `ACME\ann`, `C:\Users\ann\Documents\`, `Excel.exe`},
	{`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `powershell.exe -NoProfile -NonInteractive -File C:\ProgramData\Inventory\collect.ps1 -Site Berlin`, `C:\Windows\System32\svchost.exe`, `C:\WINDOWS\system32\svchost.exe -k netsvcs -p -s Schedule`, `NT AUTHORITY\SYSTEM`, `C:\WINDOWS\system32\`, `PowerShell.EXE`},
	{`C:\Windows\System32\SearchProtocolHost.exe`, `"C:\WINDOWS\system32\SearchProtocolHost.exe" Global\UsGthrFltPipeMssGthrPipe17_ Global\UsGthrCtrlFltPipeMssGthrPipe17 1 -2147483646 "Software\Microsoft\Windows Search" "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT; MS Search 4.0 Robot)"`, `C:\Windows\System32\SearchIndexer.exe`, `C:\WINDOWS\system32\SearchIndexer.exe /Embedding`, `NT AUTHORITY\SYSTEM`, `C:\WINDOWS\system32\`, `SearchProtocolHost.exe`},
}

// windowsEvents are the events of these. Fields that Linux does not have are labels.
func windowsEvents(t testing.TB) (all []event.View) {
	for _, x := range onWindows {
		d := event.NewDraft(event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: 4000}, event.Origin{Host: "ws-1"})
		for i, name := range []string{"Image", "CommandLine", "ParentImage", "ParentCommandLine", "User", "CurrentDirectory", "labels.OriginalFileName"} {
			d.Set(name, x[i])
		}
		d.Set("labels.IntegrityLevel", "Medium")
		all = append(all, parsed(t, d.Append(nil)))
	}
	return all
}

// forWindows has the rules look at events of ours.
func forWindows(rules []*sigma.Rule) []*sigma.Rule {
	seen := map[*expr.Atom]bool{} // a selection may stand in several conditions
	home := func(name string) string {
		if _, ok := event.FieldByName(event.TableProcess, name); ok || name == "" {
			return name
		}
		return "labels." + strings.ReplaceAll(name, " ", "_")
	}
	for _, r := range rules {
		r.LogSource.Product = ""
		expr.Walk(r.Condition, func(a *expr.Atom) {
			if seen[a] {
				return
			}
			seen[a] = true
			a.Field = home(a.Field)
			if same, ok := a.Test.(expr.Same); ok {
				same.Field = home(same.Field)
				a.Test = same
			}
		})
	}
	return rules
}
