public import FrontEnd
public import InProcess

extension InProcessMerger: MergerControl {}
